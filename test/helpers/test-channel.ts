import { idleHandler, type Channel } from '../../src/shared/channel.ts'

/** A channel whose other side is the test: it says what comes in, and sees what goes out. */
export class TestChannel implements Channel {
  handler = idleHandler
  isPaused = true
  hasEnded = false
  isDestroyed = false
  readonly written: Buffer[] = []

  write(bytes: Uint8Array): boolean {
    this.written.push(Buffer.from(bytes))
    return true
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  end(): void {
    this.hasEnded = true
  }
  destroy(): void {
    this.isDestroyed = true
  }
  get text(): string {
    return Buffer.concat(this.written).toString('latin1')
  }
}
