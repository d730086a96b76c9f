import { relyingParty } from '../../identity/passkeys/passkey.ts'
import type { YamlPath } from '../../shared/yaml-file.ts'
import type { Finding } from './finding.ts'
import type { ConfigFile } from './schema.ts'

/** Rules that ask approvers for a passkey, where no browser would have one: nobody could approve. */
export function passkeyFindings({
  access,
  commands,
  publicUrl,
}: Pick<ConfigFile, 'access' | 'commands' | 'publicUrl'>): Finding[] {
  if (publicUrl !== undefined && relyingParty(publicUrl) !== undefined) return []
  const paths: YamlPath[] = [
    ...access.flatMap(({ approvers }, index) =>
      approvers?.stepUp === undefined ? [] : [['access', index, 'approvers', 'stepUp']],
    ),
    ...commands.flatMap(([rule], index) =>
      rule?.effect.type === 'hold' && rule.effect.approvers.stepUp !== undefined
        ? [['commands', index, 'hold', 'approvers', 'stepUp']]
        : [],
    ),
  ]
  return paths.map((path) => ({
    level: 'error',
    path,
    message: `browsers have passkeys only for https and hosts with a name: set publicUrl to such a URL${publicUrl === undefined ? '' : `, not ${publicUrl}`}`,
  }))
}
