import type { GatewayHalf } from '../protocol.ts'
import { assertionKeyOf, makeAssertionKey } from './assertion-key.ts'
import { httpEngine } from './gateway/engine.ts'
import { httpKinds } from './policy/kinds.ts'
import { httpRuleSets } from './policy/rule-sets.ts'
import { httpVocabulary } from './policy/vocabulary.ts'
import { httpTarget, type HttpTarget } from './target.ts'

export const httpGateway: GatewayHalf<HttpTarget> = {
  target: httpTarget,
  policy: { vocabulary: httpVocabulary, kinds: httpKinds, ruleSets: httpRuleSets },
  identityKey: { file: 'assertion.key', make: makeAssertionKey },
  create: ({ baseDirectory, identityKey }) =>
    Promise.resolve(httpEngine(baseDirectory, identityKey === undefined ? undefined : assertionKeyOf(identityKey))),
}
