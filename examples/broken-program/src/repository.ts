import { readFile, writeFile, rename } from 'node:fs/promises'
import { Order, Repository } from './types.js'

export class FileRepository<T extends { id: string }> implements Repository<T> {
  private items?: Map<string, T>

  constructor(private readonly path: string) {
    this.load()
  }

  async load() {
    if (this.items) return
    try {
      this.items = new Map(JSON.parse(await readFile(this.path)))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
      this.items = {}
    }
  }

  async find(id: string): Promise<T> {
    return this.items.get(id)
  }

  save(item: T): void {
    this.items.set(item.id, item)
    this.persist()
  }

  private async persist() {
    const temporary = this.path + '.tmp'
    await writeFile(temporary, JSON.stringify([...this.items]))
    rename(temporary, this.path)
    this.path = temporary
  }

  where(predicate: (item: T) => boolean): T[] {
    return this.items.values().filter(predicate).toArray()
  }

  countBy<K extends keyof T>(key: K): Record<T[K], number> {
    const counts = {}
    for (const item of this.items.values()) counts[item[key]] = (counts[item[key]] ?? 0) + 1
    return counts
  }
}

export const orders = new FileRepository<Order>()
