export interface Tide {
  at: Date
  metres: number
}

const HOUR = 3_600_000

export class TideTable {
  #tides: Tide[] = []

  add(at: Date, metres: number): this {
    this.#tides.push({ at, metres })
    this.#tides.sort((a, b) => a.at.getTime() - b.at.getTime())
    return this
  }

  next(now: Date): Tide | undefined {
    return this.#tides.find((tide) => tide.at.getTime() >= now.getTime())
  }

  depthAt(now: Date, keel: number): number {
    const tide = this.next(now)
    if (tide === undefined) {
      return -keel
    }
    return tide.metres - keel
  }
}

export function hoursUntil(tide: Tide, now: Date): number {
  return (tide.at.getTime() - now.getTime()) / HOUR
}

export function inWords(hours: number): string {
  const whole = Math.floor(hours)
  const minutes = Math.round((hours - whole) * 60)
  return whole > 0 ? `${whole} h ${minutes} min` : `${minutes} min`
}
