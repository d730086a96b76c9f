import { hostVocabulary } from '../../host/vocabulary.ts'
import type { GatewayHalf } from '../protocol.ts'
import { kubernetesErrorCodes } from './error-codes.ts'
import { kubernetesEngine } from './gateway/engine.ts'
import { kubernetesTarget, type KubernetesTarget } from './target.ts'
import { kubernetesKinds } from './policy/kinds.ts'
import { kubernetesVocabulary } from './policy/vocabulary.ts'
import { kubernetesRuleSets } from './policy/rule-sets.ts'

export const kubernetesGateway: GatewayHalf<KubernetesTarget> = {
  target: kubernetesTarget,
  policy: {
    vocabulary: kubernetesVocabulary,
    // What an exec runs, and the ports that are forwarded.
    within: [hostVocabulary],
    kinds: kubernetesKinds,
    ruleSets: kubernetesRuleSets,
  },
  errors: { name: 'Kubernetes Status', codes: kubernetesErrorCodes },
  create: ({ baseDirectory }) => Promise.resolve(kubernetesEngine(baseDirectory)),
}
