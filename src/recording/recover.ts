import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { eventLine, firstHash, MAGIC, nextHash, parseLine, sealLine } from './record-line.ts'
import type { RecordedEvent } from './event.ts'
import { seal, type Signer } from './seal.ts'

/**
 * Closes a recording that the gateway could not: cuts it after the last whole event, says that the gateway stopped,
 * and seals it as `recovered`. Returns the events that were left, or undefined where the file was sealed already.
 */
export function recoverRecording(
  file: string,
  session: string,
  signer: Signer,
  now: Date,
): { events: number } | undefined {
  const content = readFileSync(file)
  let hash = firstHash()
  let events = 0
  let keep = content.indexOf('\n') + 1
  let last: RecordedEvent | undefined
  const whole = content.subarray(0, keep).toString() === `${MAGIC}\n`
  for (let at = keep; whole && at < content.length;) {
    const end = content.indexOf('\n', at)
    const line = end < 0 ? undefined : parseLine(content.subarray(at, end).toString())
    if (line?.type === 'seal') return undefined
    if (line === undefined || nextHash(hash, line.json) !== line.hash) break
    hash = line.hash
    last = line.event
    events++
    at = keep = end + 1
  }
  const handle = openSync(file, 'r+')
  try {
    ftruncateSync(handle, whole ? keep : 0)
    let text = whole ? '' : `${MAGIC}\n`
    if (!whole) hash = firstHash()
    const ended = { type: 'ended', code: 'GATEWAY_STOPPED', message: 'the gateway stopped while the session was open' }
    const json = JSON.stringify({ seq: events, at: now.toISOString(), ms: last?.ms ?? 0, ...ended })
    hash = nextHash(hash, json)
    text += eventLine(hash, json)
    text += sealLine(seal({ session, status: 'recovered', events: events + 1, hash, at: now.toISOString() }, signer))
    writeSync(handle, text, whole ? keep : 0)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return { events: events + 1 }
}
