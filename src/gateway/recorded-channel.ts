import type { Recorder } from '../recording/recorder.ts'
import type { Channel } from '../shared/channel.ts'

/**
 * A channel to a target that sends nothing before everything that was recorded so far is on record: whatever an engine
 * writes after an intent waits for it, in order. Once the session has ended nothing that waits goes on any more.
 */
export function recordedChannel(
  channel: Channel,
  { recorder, ended }: { readonly recorder: Recorder; readonly ended: AbortSignal },
): Channel {
  let waiting = 0
  let waitingBytes = 0
  let isFull = false
  const whenItsTurn = (act: () => void): void => {
    waiting++
    recorder.whenWritten(() => {
      waiting--
      if (!ended.aborted) act()
    })
  }
  return {
    get handler() {
      return channel.handler
    },
    set handler(handler) {
      channel.handler = handler
    },
    write(bytes) {
      if (waiting === 0 && recorder.isWritten) return channel.write(bytes)
      waitingBytes += bytes.length
      whenItsTurn(() => {
        waitingBytes -= bytes.length
        const ready = channel.write(bytes)
        if (isFull && waitingBytes === 0) {
          isFull = false
          if (ready) channel.handler.drained()
        }
      })
      isFull ||= waitingBytes > MAX_WAITING
      return !isFull
    },
    pause: () => channel.pause(),
    resume: () => channel.resume(),
    end() {
      if (waiting === 0 && recorder.isWritten) channel.end()
      else whenItsTurn(() => channel.end())
    },
    destroy: () => channel.destroy(),
  }
}

/** Bytes that wait for the disk before the client is not read any more. */
const MAX_WAITING = 256 * 1024
