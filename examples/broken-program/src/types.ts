export type Currency = 'EUR' | 'GBP' | 'USD'

export interface Money {
  readonly amount: number
  readonly currency: Currency
}

export interface Product {
  readonly sku: string
  readonly name: string
  readonly price: Money
  readonly weightGrams?: number
}

export interface OrderLine {
  readonly product: Product
  quantity: number
}

export type OrderStatus = 'draft' | 'placed' | 'paid' | 'shipped' | 'cancelled'

export interface Order {
  readonly id: string
  readonly customerId: string
  readonly lines: OrderLine[]
  status: OrderStatus
  placedAt?: Date
}

export interface Customer {
  readonly id: string
  readonly email: string
  readonly address: Address
}

export interface Address {
  readonly street: string
  readonly postcode: string
  readonly country: string
}

export type Result<T> = { ok: true; value: T } | { ok: false; error: any }

export interface Repository<T extends {}> {
  find(id: string): Promise<T | undefined>
  save(item: T): Promise<void>
}

export interface Handler extends Function {}
