import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import {
  maskedError,
  maskedNotice,
  maskedNotification,
} from '../../../../../src/protocols/postgres/gateway/results/masked-messages.ts'
import { encodeNotice } from '../../../../../src/protocols/postgres/wire/server-message.ts'
import type { Masker } from '../../../../../src/protocols/postgres/gateway/results/row-masking.ts'

const hashKeys = { session: Buffer.from('s'), target: Buffer.from('t') }
const MAIL = 'jane@example.com'
const KINDS: MaskingPlan = { columns: [], kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] }
const COLUMNS = { columns: [{}], kinds: [] } as unknown as MaskingPlan

const pipeline = (plan: MaskingPlan, more: object = {}): PipelineState =>
  ({
    inFlight: {},
    known: { masking: { plan } },
    session: { hashKeys },
    notified: new Set(),
    ranUnread: false,
    processId: 7,
    ...more,
  }) as unknown as PipelineState

describe('kinds of data in what is no row', () => {
  it('are hidden in every field of an error that code can fill', () => {
    const fields = new Map([...'MDHWqsntcd'].map((type) => [type, `about ${MAIL}`]))
    const masker = { scope: { plan: KINDS }, keys: hashKeys } as unknown as Masker
    const error = maskedError(new Map([...fields, ['C', 'P0001']]), pipeline(KINDS), masker).toString()
    expect(error).not.toContain(MAIL)
    expect(error.match(/about \*{4}/g)).toHaveLength(fields.size)
  })

  it('are hidden in the channel of a notification, and in its payload', () => {
    expect(notified(pipeline(KINDS), MAIL, `to ${MAIL}`)).toBe('****·to ****·')
    expect(notified(pipeline(KINDS), 'letters', 'x')).toBe('letters·x·')
  })
})

describe('the fields of an error in a session with masked columns', () => {
  const all = Object.fromEntries([...'SVCMDHPpqWstcdnFLR'].map((type) => [type, `${type} of 4711`]))
  const names = (
    errorExposure: string,
    given: object = {},
    head: object = { type: 'query', run: { errorExposure } },
  ) => {
    const state = pipeline(COLUMNS, { inFlight: { head } })
    const masker = { scope: { plan: COLUMNS }, keys: hashKeys } as unknown as Masker
    const fields = new Map(Object.entries({ ...all, ...given }).filter(([, value]) => value !== undefined))
    const text = maskedError(fields, state, masker).subarray(5).toString()
    const shown = text.split('\0').filter((field) => field !== '')
    return { shown: shown.map(([type]) => type).join(''), text }
  }

  it('are all of them where nothing that is masked can be in them', () => {
    expect(names('none').shown).toBe('SVCMDHPpqWstcdnFLR')
  })

  it('are those without free text where a message may quote values, and without partitions where those tell of rows', () => {
    const { shown, text } = names('quoted', { P: undefined })
    expect(shown).toBe('SVCMstcdnFLR')
    expect(text).toContain('MM of (the rest is hidden: masked columns are involved)')
    expect(names('named', { P: undefined }).shown).toBe('SVCMscdFLR')
  })

  it('leave nothing of a notice that the server would log, which says what it took', () => {
    const severities = ['NOTICE', 'WARNING', 'INFO', 'LOG', 'DEBUG', undefined]
    const shown = (errorExposure: string): (string | undefined)[] =>
      severities.filter((severity) => {
        const fields = new Map([
          ['M', 'internal sort ended, 25 KB used'],
          ...(severity === undefined ? [] : [['V', severity] as const]),
        ] as const)
        const state = pipeline(COLUMNS, { inFlight: { head: { type: 'query', run: { errorExposure } } } })
        const frame = { tag: 0x4e, bytes: encodeNotice(fields) }
        return (
          maskedNotice(frame, state, { scope: { plan: COLUMNS }, keys: hashKeys } as unknown as Masker) !== undefined
        )
      })
    expect(shown('quoted')).toEqual(['NOTICE', 'WARNING', 'INFO'])
    expect(shown('any')).toEqual(['NOTICE', 'WARNING', 'INFO'])
    expect(shown('none')).toEqual(severities)
  })

  it('are those of the server itself where code wrote the others, and a code only where the server has it', () => {
    const { shown, text } = names('any', { P: undefined, C: '47110' })
    expect(shown).toBe('SVCMFLR')
    expect(text).toContain('CP0001\0')
    expect(text.replace(/[SVFLR] of 4711/g, '')).not.toContain('4711')
    expect(names('any', { P: undefined, C: '23505' }).text).toContain('C23505\0')
  })

  it.each(['quoted', 'any'])(
    'are all of them where the parser speaks of the text: it has a position there (%s)',
    (exposure) => {
      expect(names(exposure, { C: '42703' }).shown).toBe('SVCMDHPpqWstcdnFLR')
      expect(names(exposure, { C: '42703', P: undefined }).shown).not.toContain('D')
      expect(names(exposure, { C: '22012' }).shown).not.toContain('D')
    },
  )

  it('that a Sync ends with may be of checks that were put off to then', () => {
    const scope = { plan: COLUMNS, storage: () => ({ masks: [], direct: false }) }
    const state = pipeline(COLUMNS, { inFlight: { head: { type: 'sync' } }, known: { masking: scope } })
    const error = maskedError(new Map([['M', 'key (4711)']]), state, { scope, keys: hashKeys } as unknown as Masker)
    expect(error.toString()).toContain('masked columns are involved')
  })
})

describe('a channel of a session with masked columns', () => {
  it('is shown until code has run that is not read, which may have named it after one', () => {
    expect(notified(pipeline(COLUMNS), 'letters', '')).toBe('letters··')
    expect(notified(pipeline(COLUMNS, { ranUnread: true }), MAIL, '')).toBe('****·****·')
  })
})

describe('a payload in a session with masked columns', () => {
  const sent = { notified: new Set(['guess']) }

  it('is shown where the session itself has sent it', () => {
    expect(notified(pipeline(COLUMNS, sent), 'letters', 'guess')).toBe('letters·guess·')
    expect(notified(pipeline(COLUMNS, sent), 'letters', 'other')).toBe('letters·****·')
  })

  it('is hidden where another backend has sent the same, which would confirm a guess', () => {
    for (const processId of [8, undefined]) {
      expect(notified(pipeline(COLUMNS, { ...sent, processId }), 'letters', 'guess')).toBe('letters·****·')
      expect(notified(pipeline(COLUMNS, { ...sent, processId }), 'letters', '')).toBe('letters·****·')
    }
  })

  it('is hidden once code has run that is not read, which may have sent the same', () => {
    expect(notified(pipeline(COLUMNS, { ...sent, ranUnread: true }), 'letters', 'guess')).toBe('****·****·')
  })
})

function notified(state: PipelineState, channel: string, payload: string): string {
  const body = Buffer.from(`\0\0\0\x07${channel}\0${payload}\0`)
  const header = Buffer.alloc(5)
  header[0] = 0x41
  header.writeUInt32BE(4 + body.length, 1)
  const bytes = maskedNotification({ tag: 0x41, bytes: Buffer.concat([header, body]) }, state)
  return bytes.toString('latin1', 9).replaceAll('\0', '·')
}
