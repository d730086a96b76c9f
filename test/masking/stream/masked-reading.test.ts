import { describe, expect, it } from 'vitest'
import type { MaskingKind } from '../../../src/policy/policy.ts'
import { LoneReading, letOut, redacted } from '../../helpers/lone-reading.ts'

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
        const out = letOut(`x ${value.slice(0, at)}${unseen}${value.slice(at)}\n`, redacted(kind))
        expect(out.replaceAll(unseen, '').trimEnd(), `${JSON.stringify(unseen)} at ${at}`).toBe('x ****')
      }
  })
})

/** A token that is longer than what is looked back at: its beginning is not found again. */
const TOKEN = `eyJ${'hbGciOiJ'.repeat(60)}.eyJ${'zdWIiOiJ'.repeat(60)}.${'dBjftJeZ'.repeat(60)}`

describe('a value whose beginning is out', () => {
  it('is hidden to its end, however little of it another reading lets out at a time', () => {
    for (const forks of [false, true]) {
      const reading = new LoneReading(redacted('jwt'))
      reading.add(`${TOKEN} and so on`)
      for (const count of [700, 200, 200, 200]) {
        reading.release(count)
        if (forks) reading.fork()
      }
      reading.flush()
      expect(reading.out).toBe('**** and so on')
    }
  })

  it('is found by what went out of it, however slowly the rest of it comes', () => {
    const reading = new LoneReading(redacted('payment-card'))
    reading.add('4111 1111 1111 ')
    reading.flush()
    for (const character of '1111\n') {
      reading.add(character)
      reading.release()
    }
    expect(reading.out).toBe('4111 1111 1111 \n')
  })
})
