import type { Target } from '../../../src/api/schemas/access.ts'

/** What a graphical client is given. */
export interface GuiSettings {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly urls: readonly (readonly [name: string, value: string])[]
}

/** For DBeaver, DataGrip, TablePlus and VS Code, at the local port of `pamctl connect`; undefined for targets that have no such clients, or gateways that do not say. */
export function guiSettings({ type, usualPort: port, accounts, database = '' }: Target): GuiSettings | undefined {
  const scheme = { postgres: 'postgresql', mysql: 'mysql' }[type]
  if (scheme === undefined || port === undefined) return undefined
  const [user = ''] = accounts
  const at = `${HOST}:${port}/${encodeURIComponent(database)}`
  const jdbc = new URLSearchParams({
    user,
    // The way to the gateway is encrypted by pamctl; the local port is not.
    ...(type === 'postgres' ? { sslmode: 'disable' } : { sslMode: 'DISABLED' }),
  })
  return {
    fields: [
      ['Host', HOST],
      ['Port', String(port)],
      ['Database', database],
      ['User', user],
      ['Password', 'none'],
      ['SSL', 'off; pamctl encrypts the connection to the gateway'],
    ].filter((field): field is [string, string] => field[1] !== ''),
    urls: [
      ['JDBC URL', `jdbc:${scheme}://${at}?${jdbc.toString()}`],
      ['URL', `${scheme}://${encodeURIComponent(user)}@${at}${type === 'postgres' ? '?sslmode=disable' : ''}`],
    ],
  }
}

const HOST = '127.0.0.1'
