import type { ListenerInfo } from '../../client-half.ts'

/** What a kubeconfig has of one port: its cluster, its user, and the context of the two. */
export interface KubeconfigEntries {
  readonly name: string
  readonly cluster: Readonly<Record<string, unknown>>
  readonly user: Readonly<Record<string, unknown>>
  readonly context: Readonly<Record<string, unknown>>
}

export function entriesFor(name: string, { host, port, tls }: ListenerInfo): KubeconfigEntries {
  if (tls === undefined) throw new Error('the port has no certificate')
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return {
    name,
    cluster: { server: `https://${host}:${port}`, 'certificate-authority-data': base64(tls.authority) },
    user: { 'client-certificate-data': base64(tls.certificate), 'client-key-data': base64(tls.key) },
    context: { cluster: name, user: name },
  }
}

/** A whole kubeconfig with one context, as JSON, which is YAML, too. */
export function kubeconfig(name: string, listener: ListenerInfo): string {
  const { cluster, user, context } = entriesFor(name, listener)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context }],
    'current-context': name,
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
