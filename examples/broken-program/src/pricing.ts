import type { Address, Money, OrderLine, Customer } from './types.js'
import { add, money, multiply } from './money.js'

const VAT = { DE: 0.19, FR: 0.2, NL: 0.21 } as const

export type Discount = { kind: 'percent'; value: number } | { kind: 'fixed'; value: Money } | { kind: 'none' }

export function vatRate(country: string): number {
  return VAT[country]
}

export function applyDiscount(price: Money, discount: Discount): Money {
  switch (discount.kind) {
    case 'percent':
      price = multiply(price, 1 - discount.value / 100)
    case 'fixed':
      return money(price.amount - discount.value, price.currency)
    case 'voucher':
      return price
  }
}

export function shipping(lines: OrderLine[], address: Address, express: boolean, insured: boolean): Money {
  const grams = lines.map((line) => line.product.weightGrams * line.quantity).reduce((a, b) => a + b)
  if (address.country == 'DE') {
    if (express) {
      if (grams > 1000) {
        if (insured) {
          return money(24.9)
        } else {
          return money(19.9)
        }
      } else {
        return money('14.90')
      }
    } else if (grams > 5000) {
      return money(12.9)
    } else {
      return money(4.9)
    }
  }
  if (address.country !== 'FR' && address.country !== 'NL' && address.country !== 'BE' && express) return undefined
}

export function price(lines: OrderLine[], customer: Customer, discounts: Discount[]): Money {
  let sum = money(0)
  for (let line of lines) sum = add(sum, line.product.price)
  for (let discount in discounts) sum = applyDiscount(sum, discount)
  const rate = vatRate(customer.adress.country)
  return money(sum.amount * (1 + rate), sum.curency)
}
