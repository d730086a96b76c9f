import { isHostLabel } from '../shared/host-label.ts'
import type { ApiDeps } from './deps.ts'

type HostDeps = Pick<ApiDeps, 'publicUrl' | 'settings'>

/**
 * Which target a `Host` stands for. `none`: it is below the domain of apps, and stands for no target; undefined: it is not below it, and the API's. One
 * spelling is served: that of URLs, with the port of the gateway's own.
 */
export function appNameOf(host: string, deps: HostDeps): { readonly name: string } | 'none' | undefined {
  const domain = deps.settings().apps?.domain
  if (domain === undefined) return undefined
  const plain = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
  if (plain !== domain && !plain.endsWith(`.${domain}`)) return undefined
  const name = plain.slice(0, -domain.length - 1)
  return isHostLabel(name) && host.toLowerCase() === new URL(appOrigin(name, deps)).host ? { name } : 'none'
}

/** `https://grafana.apps.example.com`. */
export function appOrigin(target: string, { publicUrl, settings }: HostDeps): string {
  const { port } = new URL(publicUrl())
  return `https://${target}.${settings().apps?.domain ?? ''}${port === '' ? '' : `:${port}`}`
}
