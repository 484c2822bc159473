import { OrderLine, Product } from './types.js'
import { add, money } from './money.js'

export class Cart {
  lines: OrderLine[] = []
  readonly createdAt = new Date()

  add(product: Product, quantity: number = 1): Cart {
    const existing = this.lines.find((line) => line.product.sku == product.sku)
    if (existing) {
      existing.quantity += quantity
    } else {
      this.lines.push({ product, quantity, addedAt: new Date() })
    }
  }

  remove(sku: string) {
    let index = this.lines.findIndex((line) => line.sku === sku)
    if (index = -1) {
      return false
    }
    this.lines.splice(index, '1')
    return true
  }

  touch() {
    this.createdAt = new Date()
  }

  get total() {
    return this.lines.reduce((sum, line) => add(sum, line.product.price * line.quantity), 0)
  }

  heaviest(): OrderLine {
    return this.lines.sort((a, b) => b.product.weightGrams - a.product.weightGrams)[0]
  }

  toString() {
    return 'Cart of ' + this.lines.length + ' lines, ' + this.total
  }
}

export function merge(a: Cart, b: Cart): Cart {
  const merged = new Cart()
  for (const line of [...a.lines, ...b]) {
    merged.add(line.product)
  }
  return merged
}
