'use strict'
/**
 * An OpenTelemetry collector for tests: takes OTLP over HTTP, decodes it with OpenTelemetry's own definitions
 * and answers as it is told to. None outlives its test file.
 */

const { createServer } = require('node:http')
const path = require('node:path')
const { gunzipSync } = require('node:zlib')
const protobuf = require('protobufjs')

const DEFINITIONS = path.join(__dirname, '..', 'fixtures', 'opentelemetry-proto')
const SERVICE = 'opentelemetry.proto.collector.trace.v1'

const definitions = new protobuf.Root()
definitions.resolvePath = (_origin, target) => path.join(DEFINITIONS, target)
definitions.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto')
const Request = definitions.lookupType(`${SERVICE}.ExportTraceServiceRequest`)
const Response = definitions.lookupType(`${SERVICE}.ExportTraceServiceResponse`)

/**
 * @param {Buffer} body
 * @returns {any} only what the body says: 64-bit integers as text, ids in hexadecimal digits, enums by name
 */
function decode(body) {
  const message = Request.decode(body)
  // Fields that the definitions do not know would be missing here.
  if (!body.equals(Request.encode(message).finish())) throw new Error('the request says more than OTLP defines')
  const request = /** @type {any} */ (Request.toObject(message, { longs: String, enums: String, bytes: Buffer }))
  for (const span of spansOf(request)) {
    for (const id of ['traceId', 'spanId', 'parentSpanId']) if (id in span) span[id] = span[id].toString('hex')
  }
  return request
}

/** @param {any} request */
function spansOf({ resourceSpans }) {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

/**
 * @typedef {object} Answer
 * @property {number} [status] default 200
 * @property {Record<string, string>} [headers]
 * @property {Buffer | Uint8Array} [body] default an empty response
 * @property {Promise<unknown>} [after] answered no sooner
 */

/** @type {Set<Collector>} */
const listening = new Set()

class Collector {
  /** @type {{ method: string, url: string, headers: import('node:http').IncomingHttpHeaders, message: any, taken: boolean }[]} as they came; `taken`: answered with 2xx */
  requests = []
  /** @type {Answer[]} what the next requests get; then 200 */
  answers = []
  /** @type {unknown} a request that could not be read */
  problem
  #server

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => {
        this.problem = error
        response.destroy()
      })
    })
  }

  /**
   * @param {number} [port] default any
   * @returns {Promise<Collector>}
   */
  static listen(port = 0) {
    const collector = new Collector()
    return new Promise((resolve, reject) => {
      collector.#server.once('error', reject)
      collector.#server.listen(port, '127.0.0.1', () => {
        listening.add(collector)
        resolve(collector)
      })
    })
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port
  }

  /** Without a path: the exporter is to know it. */
  get endpoint() {
    return `http://127.0.0.1:${this.port}`
  }

  /** Every span of the requests answered with 2xx, in the order they came. */
  get spans() {
    if (this.problem !== undefined) throw this.problem
    return this.requests.filter(({ taken }) => taken).flatMap(({ message }) => spansOf(message))
  }

  /** @param {string} name of a lane */
  spanOf(name) {
    const found = this.spans.filter((span) => span.name === `worker_call:${name}`)
    if (found.length !== 1) throw new Error(`${found.length} spans of the lane ${name}`)
    return found[0]
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async #serve(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const sent = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    const { status = 200, headers = {}, body: said = Response.encode({}).finish(), after } = this.answers.shift() ?? {}
    const { method, url, headers: given } = request
    this.requests.push({ method, url, headers: given, message: decode(body), taken: status < 300 })
    await after
    response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers }).end(said)
  }

  close() {
    listening.delete(this)
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A port of this machine at which nobody listens. */
async function freePort() {
  const collector = await Collector.listen()
  const { port } = collector
  await collector.close()
  return port
}

afterEach(() => Promise.all([...listening].map((collector) => collector.close())))

module.exports = { Collector, Response, freePort }
