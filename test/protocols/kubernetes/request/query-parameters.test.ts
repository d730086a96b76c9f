import { describe, expect, it } from 'vitest'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'

/** Refused as malformed, of an unknown effect, or read. */
const readingOf = (method: string, target: string): 'malformed' | 'unknown' | 'read' => {
  const request = readApiRequest(method, target)
  if ('failure' in request) return 'malformed'
  return request.unknown.length > 0 ? 'unknown' : 'read'
}
const POD = '/api/v1/namespaces/dev/pods/web'
const CUSTOM = '/apis/example.com/v1/namespaces/dev/things/x'

describe('the parameters of a request', () => {
  it.each([
    ['GET', `${POD}?pretty=true`],
    ['GET', `${POD}/log?tailLines=10&follow=true&insecureSkipTLSVerifyBackend=false`],
    ['POST', `${POD}/exec?command=sh&command=-c&stdin=true`],
    ['DELETE', `${POD}?propagationPolicy=Orphan&gracePeriodSeconds=0`],
    ['PATCH', `${CUSTOM}?force=true&fieldManager=x`],
    // What a program behind the proxy makes of them is nobody's to know, and its own rules say so.
    ['GET', `${POD}/proxy/?anything=1&anything=2`],
  ])('are read where the API server has them: %s %s', (method, target) => {
    expect(readingOf(method, target)).toBe('read')
  })

  it.each([
    ['GET', `${POD}?dryRun=All`],
    ['GET', `${POD}?command=sh`],
    ['POST', '/api/v1/namespaces/dev/pods?force=true'],
    ['GET', `${POD}?toString=x`],
    ['GET', `${CUSTOM}/log?tailLines=10`],
    // A group of its own may call anything a proxy: nothing says that it passes its parameters on.
    ['GET', `${CUSTOM}/proxy?anything=1`],
  ])('have an unknown effect where the verb does not have them: %s %s', (method, target) => {
    expect(readingOf(method, target)).toBe('unknown')
  })

  it.each([
    ['GET', '/api/v1/pods?watch=true&watch=false'],
    ['DELETE', `${POD}?dryRun=All&dryRun=`],
    ['DELETE', `${POD}?dryRun=None`],
    ['DELETE', `${POD}?propagationPolicy=`],
    ['GET', '/api/v1/pods?limit=-1'],
    ['GET', '/api/v1/pods?watch=maybe'],
    ['GET', '/api/v1/pods?fieldSelector=a%0Ab'],
    // The API server would not check the certificate of the node that it asks.
    ['GET', `${POD}/log?insecureSkipTLSVerifyBackend=true`],
    ['GET', `${POD}/log?stream=Other`],
    ['POST', `${POD}/exec?stdin=true&stdin=false`],
    ['POST', `${POD}/exec?command=a%00b`],
  ])('are malformed where they are given twice, or have another form: %s %s', (method, target) => {
    expect(readingOf(method, target)).toBe('malformed')
  })
})

describe('a path', () => {
  it('that goes on behind a subresource has an unknown effect, but for the proxy of the core group', () => {
    expect(readingOf('GET', `${POD}/proxy/a/b`)).toBe('read')
    expect(readingOf('GET', `${CUSTOM}/proxy/a`)).toBe('unknown')
    expect(readingOf('GET', `${POD}/status/a`)).toBe('unknown')
  })

  it('with a segment that says nothing is malformed', () => {
    for (const path of ['/api/v1//pods', '//api/v1/pods', '/api//v1/pods', '/api/v1/namespaces//pods', `${POD}/`])
      expect(readingOf('GET', path)).toBe('malformed')
  })

  it('is of a dry run only where the query says so, as the API server spells it', () => {
    const isDry = (query: string): boolean | undefined => {
      const request = readApiRequest('DELETE', `${POD}${query}`)
      return 'failure' in request ? undefined : request.dryRun
    }
    expect(['?dryRun=All', '', '?dryRun', '?dryRun=', '?dryRun=all'].map(isDry)).toEqual([
      true,
      false,
      undefined,
      undefined,
      undefined,
    ])
  })
})
