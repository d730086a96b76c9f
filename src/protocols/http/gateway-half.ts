import type { GatewayHalf } from '../protocol.ts'
import { httpEngine } from './gateway/engine.ts'
import { httpKinds } from './policy/kinds.ts'
import { httpRuleSets } from './policy/rule-sets.ts'
import { httpVocabulary } from './policy/vocabulary.ts'
import { httpTarget, type HttpTarget } from './target.ts'

export const httpGateway: GatewayHalf<HttpTarget> = {
  target: httpTarget,
  policy: { vocabulary: httpVocabulary, kinds: httpKinds, ruleSets: httpRuleSets },
  create: ({ baseDirectory }) => Promise.resolve(httpEngine(baseDirectory)),
}
