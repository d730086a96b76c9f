import { expect, it } from 'vitest'
import {
  dependsOnDefinitions,
  needsDefinitions,
} from '../../../../../src/protocols/postgres/gateway/pipeline/depends-on-definitions.ts'
import { EMAIL_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

it.each<[string, Parameters<typeof testPipeline>[0], boolean, boolean]>([
  ['rules that tell by the text alone', {}, false, false],
  ['rules that tell by more than the text', { decidesByText: () => false }, false, true],
  ['masked columns', { masking: EMAIL_MASKED }, true, true],
  ['a read-only session, whose functions may write', { readOnly: true }, true, true],
  ['readings that are compared with the target', { reading: 'agreed' }, true, true],
])('%s: whether definitions must be current', (_what, given, needs, depends) => {
  const { session } = testPipeline({ decidesByText: () => true, reading: 'ours', ...given })
  expect([needsDefinitions(session), dependsOnDefinitions(session)]).toEqual([needs, depends])
})
