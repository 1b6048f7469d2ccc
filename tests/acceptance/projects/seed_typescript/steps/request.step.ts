import { ApiRouteConfig, Handlers } from 'motia';

export const config: ApiRouteConfig = {
  name: 'Request',
  type: 'api',
  path: '/users/:id',
  method: 'PUT',
  queryParams: ['page', 'tag'],
  emits: ['done'],
  responseSchema: { 200: { type: 'object' } },
  virtualSubscribes: ['drawn'],
};

export const handler: Handlers['Request'] = async (req, ctx) => {
  const names = ['emit', 'logger', 'state', 'streams', 'traceId']
  return {
    status: 200,
    body: {
      body: req.body,
      query: req.query,
      params: req.params,
      agent: req.headers['x-agent'],
      method: req.method,
      path: req.path,
      'as a dict': [req['body'], req.queryParams, req.pathParams, req['method']],
      has: names.filter((name) => name in ctx),
    },
  }
};
