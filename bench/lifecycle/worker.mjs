// A worker of the pool's benchmark: answers every line of JSON with one, and ends when there are no more.

import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  process.stdout.write(`${JSON.stringify({ ...request, sum: request.numbers.reduce((sum, number) => sum + number, 0) })}\n`)
}
