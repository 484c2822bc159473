import { Product } from './types.js'
import { money, parseMoney } from './money.js'
import { readFile } from 'node:fs/promises'

export class Catalogue {
  private products: Map<string, Product>
  private loadedAt: Date

  async load(path: string) {
    const text = await readFile(path, 'utf8')
    const rows = JSON.parse(text)
    for (const row of rows) {
      this.products.set(row.sku, this.toProduct(row))
    }
    this.loaded = new Date()
  }

  find(sku: string): Product {
    return this.products.get(sku)
  }

  search(words: string[]): Product[] {
    const found = []
    this.products.forEach(async (product) => {
      if (words.every((word) => product.name.includes(word))) {
        found.push(product)
      }
    })
    return found.sort((a, b) => a.price - b.price)
  }

  private toProduct(row: any): Product {
    return {
      sku: row.sku,
      title: row.title,
      price: parseMoney(row.price),
    }
  }

  get size(): string {
    return this.products.size
  }
}

export const EMPTY: Product = { sku: '', name: '' }
