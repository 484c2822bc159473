import { Ship, sailing, type Port } from './ship.js'
import { TideTable } from './tides.js'

const port: Port = { name: 'Bristol', depth: 3 }
const tides = new TideTable()
tides.add(new Date(2026, 0, 2, 4, 30), 9.5)
tides.add(new Date(2026, 0, 2, 16, 55), 10.1)

const ship = new Ship('Matthew', 50_000)
const loads: [string, number][] = [['salt', 12_000], ['cloth', 3_500], ['wine', 9_000]]
for (const [name, kilograms] of loads) {
  if (!ship.load(name, kilograms)) {
    throw new Error(`no room for ${name}`)
  }
}

export const report: string[] = [...ship.manifest(), sailing(ship, port, tides, new Date(2026, 0, 2))]
export const lines: number = report.length
