import type { GatewayHalf } from '../protocol.ts'
import { sshEngine } from './gateway/engine.ts'
import { ownHostKeys, sshSection, type SshSection } from './own-host-keys.ts'
import { sshKinds } from './policy/kinds.ts'
import { hostVocabulary } from './policy/vocabulary.ts'
import { sshTarget, type SshTarget } from './target.ts'

export const sshGateway: GatewayHalf<SshTarget> = {
  target: sshTarget,
  policy: { vocabulary: hostVocabulary, kinds: sshKinds, ruleSets: {} },
  section: sshSection,
  create: ({ baseDirectory, section, identityKey, firstUse }) => {
    const hostKeys = ownHostKeys(section as SshSection, baseDirectory, identityKey)
    return Promise.resolve(sshEngine({ hostKeys, baseDirectory, firstUse }))
  },
}
