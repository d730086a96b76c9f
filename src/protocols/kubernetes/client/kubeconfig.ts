import type { ListenerInfo } from '../../client-half.ts'

/** A whole kubeconfig with one context, as JSON, which is YAML, too. */
export function kubeconfig(name: string, { host, port, tls }: ListenerInfo): string {
  if (tls === undefined) throw new Error('the port has no certificate')
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: { server: `https://${host}:${port}`, 'certificate-authority-data': base64(tls.authority) },
      },
    ],
    users: [
      {
        name,
        user: { 'client-certificate-data': base64(tls.certificate), 'client-key-data': base64(tls.key) },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
