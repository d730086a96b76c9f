import type { Readable } from 'node:stream'

/**
 * Calls back with each piece of a body, in order; where that returns a promise, the next one waits for it. Resolves at the end. Rejects with what breaks the
 * body off, or with what `take` throws, and gives the body up then. It does what iterating over the stream does, for a fraction of its cost.
 */
export function readPieces(body: Readable, take: (piece: Buffer) => Promise<void> | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let isTaking = false
    let hasEnded = false
    const done = (): void => {
      body.off('data', onData)
      body.off('end', onEnd)
      body.off('error', fail)
      body.off('close', onClose)
    }
    const fail = (error: unknown): void => {
      done()
      // What is given up may fail once more, and nobody waits for that.
      body.on('error', () => {})
      body.destroy()
      reject(error)
    }
    const onEnd = (): void => {
      hasEnded = true
      if (isTaking) return
      done()
      resolve()
    }
    const onClose = (): void => {
      if (!hasEnded) fail(body.errored ?? cutOff())
    }
    const onTaken = (): void => {
      isTaking = false
      if (hasEnded) onEnd()
      else body.resume()
    }
    const onData = (piece: Buffer): void => {
      try {
        const taken = take(piece)
        if (taken === undefined) return
        isTaking = true
        body.pause()
        taken.then(onTaken, fail)
      } catch (error) {
        fail(error)
      }
    }
    if (body.readableEnded) return resolve()
    if (body.destroyed) return onClose()
    body.on('end', onEnd)
    body.on('error', fail)
    body.on('close', onClose)
    body.on('data', onData)
  })
}

/** As Node calls it. */
const cutOff = (): Error => Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
