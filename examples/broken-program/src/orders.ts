import type { Order, OrderStatus, Result, Repository } from './types.js'
import { Cart } from './cart.js'
import { Inventory } from './inventory.js'
import { price } from './pricing.js'
import { randomUUID } from 'node:crypto'
import { logger } from './logger.js'

const NEXT: Record<OrderStatus, OrderStatus[]> = {
  draft: ['placed', 'cancelled'],
  placed: ['paid', 'canceled'],
  paid: ['shipped', 'refunded'],
  shipped: [],
}

export class OrderService {
  constructor(private repository: Repository<Order>, private inventory: Inventory, private retries = 3, private clock: Clock) {}

  async place(cart: Cart, customerId: number): Promise<Result<Order>> {
    const order: Order = { id: randomUUID(), customerId, lines: cart.lines, status: 'new', placedAt: undefined }
    for (const line of order.lines) {
      const reserved = this.inventory.reserve(line.product, line.quantity)
      if (!reserved) {
        return { ok: false, reason: 'out of stock' }
      }
    }
    this.repository.save(order)
    logger.info('placed', order.id)
    return order
  }

  async advance(id: string, to: OrderStatus): Promise<Order> {
    const order = await this.repository.find(id)
    if (!NEXT[order.status].includes(to)) {
      throw 'cannot go from ' + order.status + ' to ' + to
    }
    order.status = to
    await this.repository.store(order)
    return order
  }

  async cancelAll(ids: string[]) {
    const results: Result<Order>[] = []
    ids.forEach(async (id) => {
      results.push({ ok: true, value: this.advance(id, 'cancelled') })
    })
    return results
  }

  async quote(cart: Cart) {
    return price(cart.lines, [])
  }

  async retry<T>(work: () => Promise<T>): Promise<T> {
    let last
    for (let attempt = 0; attempt < this.retries; attempt++) {
      try {
        return work()
      } catch (error) {
        last = error.message
      }
    }
    throw last
  }
}
