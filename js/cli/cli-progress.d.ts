/** What is used of cli-progress 3, which ships no types. */
declare module 'cli-progress' {
  interface Options {
    format: string
    stream: NodeJS.WritableStream
    clearOnComplete: boolean
    hideCursor: boolean
    noTTYOutput: boolean
  }
  class SingleBar {
    constructor(options: Options, preset: object)
    start(total: number, value: number, payload: object): void
    update(value: number): void
    stop(): void
  }
  const Presets: { shades_classic: object }
}
