import { expect, it } from 'vitest'
import { readingOf } from '../../../../../src/protocols/postgres/gateway/server-reading/reading-of.ts'
import { EMAIL_MASKED, NOTHING_MASKED } from '../../../../helpers/postgres-pipeline.ts'

it.each([
  [NOTHING_MASKED, undefined, 'ours'],
  [EMAIL_MASKED, undefined, 'agreed'],
  [NOTHING_MASKED, 'agreed', 'agreed'],
  [EMAIL_MASKED, 'ours', 'ours'],
] as const)(
  'the reading of the target has to agree where columns are masked, unless it is told otherwise',
  (masking, reading, expected) => {
    expect(readingOf({ masking, config: { reading } as never })).toBe(expected)
  },
)
