import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { OrderService } from './orders.js'
import { Cart } from './cart.js'
import { Catalogue } from './catalogue'

export interface Context {
  orders: OrderService
  catalogue: Catalogue
  port?: number
}

export function serve(context: Context) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost')
    switch (url.pathname) {
      case '/orders':
        const body = await readJson(request)
        const cart = new Cart(body.lines)
        const result = await context.orders.place(cart)
        reply(response, result.ok ? 201 : 409, result.value)
        break
      case '/products':
        const words = url.searchParams.get('q').split(' ')
        reply(response, 200, context.catalogue.search(words))
      case '/health':
        reply(response, 'ok')
        break
    }
  })
  server.listen(context.port || process.env.PORT || 8080)
  return server
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += chunk
  if (text == '') return null
  return JSON.parse(text)
}

function reply(response: ServerResponse, status: number, body: object): never {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
