import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TargetConfig } from '../../gateway/target.ts'
import { isHostLabel } from '../../shared/host-label.ts'
import type { Finding } from './finding.ts'
import type { ConfigFile } from './schema.ts'
import { kindOf } from './target-kind.ts'

type HostsConfig = Pick<ConfigFile, 'publicUrl' | 'apps' | 'targets'>

/** Whether browsers reach a target at a host of its own, where the gateway has a domain for such hosts (`apps`). */
export const isApp = (target: TargetConfig): boolean =>
  kindOf(target).servesBrowsers === true && isHostLabel(target.name)

/** Targets that would be apps under another name. */
export function appNameFindings({ apps, targets }: HostsConfig): Finding[] {
  if (apps === undefined) return []
  return targets.flatMap((target, index): Finding[] =>
    kindOf(target).servesBrowsers !== true || isHostLabel(target.name)
      ? []
      : [
          {
            level: 'warning',
            path: ['targets', index, 'name'],
            message: `browsers cannot reach ${target.name} at a host of ${apps.domain}: give it a name of lower-case letters, digits and dashes, which begins and ends with a letter or digit`,
          },
        ],
  )
}

/** Hosts at which browsers reach the gateway and its apps and that a certificate is not for. `file` is what messages call it. */
export function hostFindings(certificate: X509Certificate, file: string, config: HostsConfig): Finding[] {
  const { publicUrl, apps } = config
  const path = ['listen', 'tls', 'certificate']
  const found: Finding[] = []
  const host = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  if (host !== undefined && !isFor(certificate, host))
    found.push({ level: 'warning', path, message: `${file} is not for ${host}, the host of publicUrl${UNLESS_PROXY}` })
  if (apps === undefined) return found
  const [first, ...more] = config.targets
    .filter(isApp)
    .map(({ name }) => `${name}.${apps.domain}`)
    .filter((app) => !isFor(certificate, app))
  if (first === undefined) return found
  const others = more.length === 0 ? '' : ` and ${more.length} other host${more.length === 1 ? '' : 's'} of apps`
  const message = `${file} is not for ${first}${others}: use one for *.${apps.domain}${UNLESS_PROXY}`
  return [...found, { level: 'warning', path, message }]
}

function isFor(certificate: X509Certificate, hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
}

const UNLESS_PROXY = ', unless a proxy in front ends TLS for browsers'
