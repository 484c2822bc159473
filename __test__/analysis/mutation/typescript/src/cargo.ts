export interface Item {
  readonly name: string
  readonly kilograms: number
  readonly fragile: boolean
}

export type Order = 'light-first' | 'heavy-first'

export function item(name: string, kilograms: number, fragile = false): Item {
  if (kilograms < 0) {
    throw new RangeError(`${name} weighs less than nothing`)
  }
  return { name, kilograms, fragile }
}

export function totalWeight(items: readonly Item[]): number {
  let total = 0
  for (const { kilograms } of items) {
    total += kilograms
  }
  return total
}

export function sorted(items: readonly Item[], order: Order): Item[] {
  const sign = order === 'light-first' ? 1 : -1
  return [...items].sort((a, b) => sign * (a.kilograms - b.kilograms))
}

export function describe({ name, kilograms, fragile }: Item): string {
  const weight = kilograms.toFixed(1).padStart(8, ' ')
  return fragile ? `${weight} kg  ${name.toUpperCase()} (fragile)` : `${weight} kg  ${name}`
}
