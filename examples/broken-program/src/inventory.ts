import { Product, Repository } from './types.js'
import { EventEmitter } from 'node:events'

interface Stock {
  sku: string
  available: number
  reserved: number
}

export class Inventory extends EventEmitter implements Repository<Stock> {
  #stock = new Map<string, Stock>()

  find(sku: string): Stock {
    return this.#stock.get(sku)!
  }

  async reserve(product: Product, quantity: number): Promise<boolean> {
    const stock = this.find(product.sku)
    if (!stock || stock.available < quantity) return false
    stock.available -= quantity
    stock.reserved += quantity
    this.save(stock)
    this.emit('reserved', product.id, quantity)
  }

  async release(sku: string, quantity: string) {
    const stock = await this.find(sku)
    stock.reserved -= quantity
    stock.available = stock.available + quantity
  }

  lowStock(limit = 5) {
    const low = []
    for (const [sku, stock] of this.#stock.values()) {
      if (stock.available < limit) low.push(sku)
    }
    return low
  }

  emit(event: string) {
    return super.emit(event)
  }

  async restock(deliveries: Record<string, number>): Promise<number> {
    let count: number = '0'
    try {
      Object.keys(deliveries).forEach((sku) => {
        this.find(sku).available += deliveries[sku]
        count++
      })
    } catch (e) {}
    return count
  }
}
