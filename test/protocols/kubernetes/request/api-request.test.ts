import { describe, expect, it } from 'vitest'
import { readApiRequest, type ApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'

const read = (method: string, target: string): ApiRequest => {
  const request = readApiRequest(method, target)
  if ('failure' in request) throw new Error(request.failure)
  return request
}

describe('requests', () => {
  it.each([
    ['GET', '/api/v1/pods', 'list pods'],
    ['GET', '/api/v1/pods?watch', 'watch pods'],
    ['GET', '/api/v1/pods?watch=yes', 'watch pods'],
    ['GET', '/api/v1/pods?%77atch=1', 'watch pods'],
    ['GET', '/api/v1/pods?watch=false', 'list pods'],
    ['GET', '/api/v1/watch/pods', 'watch pods'],
    ['GET', '/api/v1/watch/namespaces/dev/pods/web', 'watch pods dev web'],
    ['GET', '/api/v1/namespaces/dev/pods?fieldSelector=metadata.name%3Dweb', 'list pods dev web'],
    ['GET', '/api/v1/namespaces/dev/pods?fieldSelector=spec.nodeName%3Dn,metadata.name==web', 'list pods dev web'],
    ['GET', '/api/v1/namespaces/dev/pods?fieldSelector=metadata.name!%3Dweb', 'list pods dev'],
    ['GET', '/api/v1/namespaces/dev', 'get namespaces dev dev'],
    ['PUT', '/api/v1/namespaces/dev/finalize', 'update namespaces/finalize dev dev'],
    ['GET', '/api/v1/namespaces/dev/status/x', 'get namespaces/status dev dev', 0],
    ['DELETE', '/apis/apps/v1/namespaces/dev/deployments', 'deletecollection deployments.apps dev'],
    ['DELETE', '/apis/apps/v1/namespaces/dev/deployments/web', 'delete deployments.apps dev web'],
    ['POST', '/api/v1/namespaces/dev/pods/web/exec?command=sh&command=-c', 'create pods/exec dev web'],
    ['GET', '/api/v1/nodes/n1/proxy/logs/', 'get nodes/proxy n1'],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      'get clusterroles.rbac.authorization.k8s.io system:node',
    ],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      'get clusterroles.rbac.authorization.k8s.io system:node',
    ],
  ])('%s %s', (method, target, expected, unknown = 0) => {
    const { verb, resource, subresource, group, namespace, name, ...rest } = read(method, target)
    const full = `${resource}${group === '' ? '' : `.${group}`}${subresource === '' ? '' : `/${subresource}`}`
    expect([verb, full, namespace, name].filter((word) => word !== '').join(' ')).toBe(expected)
    expect(rest.unknown.length > 0 ? 1 : 0).toBe(target.endsWith('/status/x') ? 1 : unknown)
  })

  it.each([
    ['GET', '/healthz', 'get'],
    ['GET', '/apis/apps/v1', 'get'],
    ['GET', '/api/v1', 'get'],
    ['GET', '/', 'get'],
    ['HEAD', '/apis', 'head'],
  ])('%s %s is none of resources', (method, target, verb) => {
    expect(read(method, target)).toMatchObject({ isResource: false, verb, resource: '' })
  })

  it.each([
    'GET /api/v1/namespaces/dev%2Fsecrets',
    'GET /api/v1//secrets',
    'GET //api/v1/secrets',
    'GET /api/v1/secrets/',
    'GET /api/v1/namespaces/dev/../kube-system/secrets',
    'GET /api/v1/namespaces/%2e%2e/secrets',
    'GET /api/v1/secrets;x=1',
    'GET /api/v1/secrets%00',
    'GET /api/v1/secrets%25',
    'GET /api/v1/secr\\ets',
    'GET /api/v1/secrets#x',
    'GET /api/v1/sécrets',
    'GET http://localhost/api/v1/secrets',
    'GET *',
    'GET /api/v1/Secrets',
    'GET /api/v1/proxy/namespaces/dev/pods/x',
    'POST /api/v1/watch/pods',
    'GET /api/v1/watch',
    'get /api/v1/pods',
    'OPTIONS /api/v1/pods',
    'PROPFIND /api/v1/pods',
    'CONNECT /api/v1/namespaces/dev/pods/x/exec',
    'GET /api/v1/pods?a=1;watch=1',
    'GET /api/v1/pods?watch=%zz',
    'GET /api/v1/pods?watch=0&watch=1',
    'GET /api/v1/pods?watch=%ff',
    'GET /api/v1/pods?fieldSelector=metadata.name=a,metadata.name=b',
    'GET /api/v1/pods?fieldSelector=metadata.name=a%5C,metadata.name=b',
    'GET /api/v1/pods?fieldSelector=metadata.name=../x',
    'GET /api/v1/pods?limit=a',
    'DELETE /api/v1/namespaces/dev/pods/x?dryRun=all',
    'DELETE /api/v1/namespaces/dev/pods/x?dryRun=All&dryRun=',
  ])('refuses %s', (line) => {
    const at = line.indexOf(' ')
    expect(readApiRequest(line.slice(0, at), line.slice(at + 1))).toHaveProperty('failure')
  })

  it('reads parameters that are not known for the verb as an unknown effect', () => {
    expect(read('GET', '/api/v1/pods?shardSelector=x').unknown).toHaveLength(1)
    expect(read('GET', '/api/v1/namespaces/dev/pods/x?dryRun=All').unknown).toHaveLength(1)
    expect(read('DELETE', '/api/v1/namespaces/dev/pods/x?dryRun=All')).toMatchObject({ dryRun: true, unknown: [] })
  })
})
