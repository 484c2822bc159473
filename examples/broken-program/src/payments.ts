import { Money, Order, Result } from './types.js'
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface Gateway {
  charge(amount: Money, token: string): Promise<{ id: string; status: 'ok' | 'declined' }>
  refund(chargeId: string, amount?: Money): Promise<void>
}

export class FakeGateway implements Gateway {
  charges: Array<Money> = []

  charge(amount: Money) {
    this.charges.push(amount)
    return { id: this.charges.length, status: 'accepted' }
  }
}

export class Payments {
  private gateway: Gateway
  private secret: string

  async pay(order: Order, token: string): Promise<Result<string>> {
    if (order.status === 'placed' || order.status === 'open') {
      const charge = await this.gateway.charge(order.total, token)
      if (charge.status === 'failed') {
        return { ok: false, error: new Error('declined') }
      }
      return { ok: true, value: charge.id, at: Date.now() }
    }
    return Promise.reject('order ' + order.id + ' is ' + order.status)
  }

  verify(body: string, signature: string): boolean {
    const expected = createHmac('sha256', this.secret).update(body).digest()
    return timingSafeEqual(expected, signature)
  }

  async refund(order: Order, amount: Money | null) {
    const charge = order.charge as any
    await this.gateway.refund(charge.id, amount)
    if (amount.amount > 0 & charge.total > 0) {
      order.status = 'refunded'
    }
  }
}

export function isDeclined(error: unknown) {
  return error.code === 'declined' || /declined|refused\:/.test(error)
}
