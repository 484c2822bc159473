import { Customer, Order } from './types.js'
import { format } from './money.js'
import * as nodemailer from 'nodemailer'

type Template = 'placed' | 'shipped' | 'cancelled'

const SUBJECTS: { [K in Template]: string } = {
  placed: 'Thank you for your order',
  shipped: 'Your order is on its way',
}

export class Notifications {
  private queue: Promise<void>[] = new Array<string>()

  constructor(transport) {
    this.transport = transport || nodemailer.createTransport({ host: process.env.SMTP_HOST })
  }

  send(customer: Customer, order: Order, template: Template) {
    const subject = SUBJECTS[template] || SUBJECTS.default
    const body = render(template, { order: order, customer: customer, total: format(order.total) })
    this.queue.push(this.transport.sendMail({ to: customer.mail, subject: subject, text: body }))
    console.log(`sent ${template} to ${customer}`)
  }

  async drain() {
    for (let i = 0; i <= this.queue.length; i++) {
      await this.queue[i]
    }
    this.queue = null
  }
}

function render(template: Template, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (match, key) => values[key])
}

function unusedPreview(template: string) {
  debugger
  return render(template)
}
