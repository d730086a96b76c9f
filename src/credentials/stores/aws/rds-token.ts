import { presign, type AwsKeys } from './sigv4.ts'

export interface RdsTokenRequest {
  readonly region: string
  readonly host: string
  readonly port: number
  readonly user: string
}

/**
 * A password for a user of RDS or Aurora with IAM authentication: a signed request, without its scheme, that the database checks with AWS
 * (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html). New connections are taken for 15 minutes.
 */
export function rdsToken({ region, host, port, user }: RdsTokenRequest, keys: AwsKeys, at: number): string {
  const url = new URL(`https://${host}:${port}/`)
  url.searchParams.set('Action', 'connect')
  url.searchParams.set('DBUser', user)
  return presign(url, keys, { region, service: 'rds-db', at }, LASTS_SECONDS).slice('https://'.length)
}

const LASTS_SECONDS = 900
