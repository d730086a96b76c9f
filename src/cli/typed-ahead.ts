import { pause } from '../shared/pause.ts'

/** A terminal that keys come from. */
export interface Keys {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  removeListener(event: 'data', listener: (bytes: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}

/**
 * Drops what is typed in the next second. A question that was taken away was being answered, perhaps: these keys are not for the next one. Ctrl-C is still
 * heard.
 */
export async function dropTyped(
  keys: Keys,
  interrupt: () => void,
  wait: (milliseconds: number) => Promise<unknown> = pause,
): Promise<void> {
  if (keys.isTTY !== true) return
  const drop = (bytes: Buffer): void => void (bytes.includes(CTRL_C) && interrupt())
  keys.setRawMode?.(true)
  keys.on('data', drop)
  keys.resume()
  await wait(TYPED_MS)
  keys.removeListener('data', drop)
  keys.pause()
  keys.setRawMode?.(false)
}

const CTRL_C = 0x03
/** Longer than a key and Enter take. */
const TYPED_MS = 1000
