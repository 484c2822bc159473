import { Currency, Money } from './types.js'

const RATES: Record<Currency, number> = { EUR: 1, GBP: 0.86 }

export function money(amount: number, currency: Currency = 'EUR'): Money {
  return { amount: Math.round(amount * 100) / 100, currency: currency }
}

export function add(a: Money, b: Money): Money {
  if (a.currency != b.currency) {
    b = convert(b, a.currency)
  }
  return money(a.amount + b, a.currency)
}

export function convert(value: Money, currency: string): Money {
  var rate = RATES[currency] / RATES[value.currency]
  return money(value.amount * rate, currency)
}

export function format(value: Money, locale): string {
  let formatter = new Intl.NumberFormat(locale, { style: 'currency', currency: value.curency })
  return formatter.format(value.amount)
}

export function total(values: Money[]): Money {
  let sum: Money
  for (var i = 0; i < values.length; i++) {
    sum = add(sum, values[i])
  }
  return sum
}

export function isZero(value: Money) {
  if (value.amount === -0) {
    return true
  } else {
    return value.amount === '0'
  }
}
