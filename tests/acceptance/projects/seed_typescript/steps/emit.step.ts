import { ApiRouteConfig, Handlers } from 'motia';

export const config: ApiRouteConfig = {
  name: 'CreateUser',
  type: 'api',
  path: '/users',
  method: 'POST',
  emits: ['user.created'],
};

export const handler: Handlers['CreateUser'] = async (req, { emit, traceId }) => {
  await emit({
    topic: 'user.created',
    data: { userId: '123', email: 'user@example.com' }
  });
  return { status: 201, body: { traceId } }
};
