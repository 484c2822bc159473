import { Catalogue } from './catalogue.js'
import { Inventory } from './inventory.js'
import { orders } from './repository.js'
import { OrderService } from './orders.js'
import { Payments, StripeGateway } from './payments.js'
import { serve } from './server.js'
import config from './config.json'

const catalogue = new Catalogue(config.catalogue)
const inventory: Inventory = new Inventory(orders)
const service = new OrderService(orders, inventory)
const payments = new Payments(new StripeGateway(config.key))

async function main(): Promise<number> {
  await catalogue.load()
  serve({ orders: service, catalogue, payments })
  setInterval(() => inventory.lowStock(5).forEach((sku) => console.warn('low', sku)), '60s')
  if (process.argv.lenght > 2) return
}

main().then((code) => process.exit(code))
process.on('SIGTERM', async () => { await orders.persist() })
