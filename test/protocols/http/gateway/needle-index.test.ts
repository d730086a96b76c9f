import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NeedleIndex } from '../../../../src/protocols/http/gateway/needle-index.ts'
import { SecretScrubber, scrubbedText } from '../../../../src/protocols/http/gateway/secret-scrubber.ts'
import { needlesOf, type Needle } from '../../../../src/protocols/http/gateway/secret-spellings.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

/** One of all ways to spell a needle. */
const spelled = (needle: Needle): fc.Arbitrary<string> =>
  fc
    .tuple(...needle.map((spellings) => fc.constantFrom(...[...spellings.values()].flat())))
    .map((parts) => Buffer.concat(parts).toString('latin1'))

const SECRETS = ['s3cr3t-T0ken/with+signs', 'abcdef', 'ab', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'pä&ß"\\word']

describe('NeedleIndex', () => {
  it.each(SECRETS)('stops where %j begins, however it is spelled and whatever stands around it', (secret) => {
    const needles = needlesOf(secret)
    const index = NeedleIndex.of(needles)
    // Letters of the secret itself make for beginnings that are none.
    const around = fc.array(fc.constantFrom('x', ...secret.slice(0, 4), '%', '\\', '&', 'u', '0'), { maxLength: 40 })
    fc.assert(
      fc.property(fc.oneof(...needles.map(spelled)), around, around, (text, before, behind) => {
        const start = Buffer.byteLength(before.join(''), 'latin1')
        const all = before.join('') + text + behind.join('')
        expect(index.mayBeIn(all)).toBe(true)
        const bytes = Buffer.from(all, 'latin1')
        let at = index.next(bytes, 0)
        while (at < start) at = index.next(bytes, at + 1)
        expect(at).toBe(start)
        expect(scrubbedText(all, needles).slice(start, start + text.length)).toMatch(/^\*+/)
      }),
      { numRuns: 150 },
    )
  })

  it('skips nothing at the end of a piece: cut anywhere, what is found is the same', () => {
    const needles = needlesOf('s3cr3t-T0ken')
    fc.assert(
      fc.property(fc.oneof(...needles.map(spelled)), fc.nat(60), fc.nat(200), (text, pad, cut) => {
        const bytes = Buffer.from(`${'y'.repeat(pad)}${text}${'z'.repeat(20)}`, 'latin1')
        const scrubber = new SecretScrubber(needles)
        const at = cut % bytes.length
        const out = Buffer.concat([
          scrubber.push(bytes.subarray(0, at)),
          scrubber.push(bytes.subarray(at)),
          scrubber.end(),
        ])
        expect(out.toString('latin1')).toBe(scrubbedText(bytes.toString('latin1'), needles))
        expect(out.toString('latin1')).toContain('*')
      }),
      { numRuns: sampledRuns(300) },
    )
  })

  it('looks at few of the bytes of a text that has nothing of it', () => {
    const index = NeedleIndex.of(needlesOf('s3cr3t-T0ken'))
    expect(index.mayBeIn('application/json; charset=utf-8')).toBe(false)
    expect(index.mayBeIn('short')).toBe(false)
  })
})
