import type { GatewayHalf } from '../protocol.ts'
import { sshEngine } from './gateway/engine.ts'
import { makeEd25519Key, ownHostCertificates, ownHostKeys, sshSection, type SshSection } from './own-host-keys.ts'
import { sshKinds } from './policy/kinds.ts'
import { hostVocabulary } from '../../host/vocabulary.ts'
import { sshTarget, type SshTarget } from './target.ts'

export const sshGateway: GatewayHalf<SshTarget, SshSection> = {
  target: sshTarget,
  policy: { vocabulary: hostVocabulary, kinds: sshKinds, ruleSets: {} },
  section: sshSection,
  identityKey: { file: 'ssh_host_ed25519_key', make: makeEd25519Key },
  create: ({ baseDirectory, section, identityKey, firstUse, logger }) => {
    const hostKeys = ownHostKeys(section, baseDirectory, identityKey)
    const certificates = ownHostCertificates(section, hostKeys, { baseDirectory, logger })
    return Promise.resolve(sshEngine({ hostKeys, certificates, baseDirectory, firstUse }))
  },
}
