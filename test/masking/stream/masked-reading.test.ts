import { describe, expect, it } from 'vitest'
import type { MaskingKind } from '../../../src/policy/policy.ts'
import { applyEdits, type Edit } from '../../../src/masking/stream/edits.ts'
import { HeldBytes } from '../../../src/masking/stream/held-bytes.ts'
import { MaskedReading } from '../../../src/masking/stream/masked-reading.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }

/** What one reading alone, for one kind, lets out of a text that comes character by character, each of them as it stands. */
function read(text: string, kind: MaskingKind): string {
  const held = new HeldBytes()
  const kinds = [{ kind, style: 'redact', hashScope: 'session' }] as const
  const reading = new MaskedReading({ kinds, keys: KEYS, keepWidth: false }, held)
  const out: Buffer[] = []
  const emit = (limit: number, isFlush: boolean): void => {
    const edits: Edit[] = []
    reading.release(limit, isFlush, true, edits)
    out.push(applyEdits(held.bytes.subarray(0, limit), edits))
    held.drop(limit)
  }
  for (const character of text) {
    const from = held.length
    held.append(Buffer.from(character))
    reading.add(character.codePointAt(0) ?? 0, from, held.length)
    emit(reading.safeUntil(held.length), false)
  }
  emit(held.length, true)
  return Buffer.concat(out).toString()
}

/** Characters without width, of one unit of UTF-16 and of two. */
const UNSEEN = ['\u200b', '\u2060\u2060', '\u{e0061}']

describe('a reading by itself', () => {
  it.each<[MaskingKind, string]>([
    ['jwt', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk'],
    ['email', 'jane.doe@example.com'],
    ['payment-card', '4111 1111 1111 1111'],
    ['cloud-key', 'AKIAIOSFODNN7EXAMPLE'],
    ['private-key', '-----BEGIN PRIVATE KEY-----'],
  ])('holds %s together, whatever stands in its beginning that is not seen', (kind, value) => {
    for (const unseen of ['', ...UNSEEN])
      for (let at = 1; at < 12; at++) {
        const out = read(`x ${value.slice(0, at)}${unseen}${value.slice(at)}\n`, kind)
        expect(out.replaceAll(unseen, '').trimEnd(), `${JSON.stringify(unseen)} at ${at}`).toBe('x ****')
      }
  })
})
