import { text } from 'node:stream/consumers'
import type { Probe } from '../../../gateway/engine.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { PamError } from '../../../shared/errors.ts'
import { isObject } from '../request/json-value.ts'
import { upstreamOf, type UpstreamTarget } from './connect-upstream.ts'
import type { Header } from '../../http/wire/headers.ts'

/** Connects, and asks the API server for its version and who the account is; changes nothing. */
export async function probeKubernetes(target: UpstreamTarget): Promise<Probe> {
  const { config, lease, limits } = target
  const upstream = upstreamOf(target)
  const signal = AbortSignal.timeout(2 * limits.handshake)
  const identity: readonly Header[] =
    lease.password === undefined ? [] : [['authorization', `Bearer ${lease.password}`]]
  const ask = async (method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> => {
    const answer = await upstream.send({
      method,
      target: path,
      headers: [...identity, ['accept', 'application/json'], ['content-type', 'application/json']],
      body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      signal,
    })
    return { status: answer.status, json: parsed(await text(answer.body)) }
  }
  try {
    const version = await ask('GET', '/version')
    if (version.status === 401)
      throw new PamError('TARGET_CREDENTIAL', `${config.name} did not accept the gateway's credential`, {
        side: 'upstream',
      })
    const review = await ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
    })
    const gitVersion = isObject(version.json) ? version.json['gitVersion'] : undefined
    const { username, groups } = userInfoOf(review.json)
    return {
      details: [
        `Kubernetes ${typeof gitVersion === 'string' ? gitVersion : '(version not told)'}`,
        ...(username === undefined ? [] : [`account ${username}`]),
      ],
      warnings: groups.includes('system:masters')
        ? ['the account is in system:masters, which may do anything: only the rules limit what sessions may do']
        : [],
    }
  } catch (error) {
    throw error instanceof PamError ? error : targetFailure(config.name, error)
  } finally {
    upstream.close()
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function userInfoOf(review: unknown): { readonly username: string | undefined; readonly groups: readonly string[] } {
  const status = isObject(review) ? review['status'] : undefined
  const userInfo = isObject(status) ? status['userInfo'] : undefined
  const { username, groups } = isObject(userInfo) ? userInfo : {}
  return {
    username: typeof username === 'string' ? username : undefined,
    groups: Array.isArray(groups) ? groups.filter((group): group is string => typeof group === 'string') : [],
  }
}
