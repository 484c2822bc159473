import { describe, item, sorted, totalWeight, type Item } from './cargo.js'
import { TideTable, hoursUntil, inWords } from './tides.js'

export interface Port {
  name: string
  depth: number
}

export class Ship {
  readonly name: string
  readonly capacity: number
  #hold: Item[] = []

  constructor(name: string, capacity: number) {
    this.name = name
    this.capacity = capacity
  }

  load(name: string, kilograms: number): boolean {
    const next = item(name, kilograms)
    if (totalWeight(this.#hold) + next.kilograms > this.capacity) {
      return false
    }
    this.#hold.push(next)
    return true
  }

  get draught(): number {
    return 2 + totalWeight(this.#hold) / this.capacity
  }

  manifest(): string[] {
    return sorted(this.#hold, 'heavy-first').map((each) => describe(each))
  }
}

export function sailing(ship: Ship, port: Port, tides: TideTable, now: Date): string {
  const margin = tides.depthAt(now, ship.draught) + port.depth
  const tide = tides.next(now)
  if (margin >= 0 || tide === undefined) {
    return `${ship.name} may leave ${port.name}`
  }
  return `${ship.name} waits ${inWords(hoursUntil(tide, now))}`
}
