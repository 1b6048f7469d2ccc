const config = {
  name: 'CreateUser',
  type: 'api',
  path: '/users',
  method: 'POST',
  emits: ['user.created'],
};

const handler = async (req, { emit, traceId }) => {
  await emit({
    topic: 'user.created',
    data: { userId: '123', email: 'user@example.com' }
  });
  return { status: 201, body: { traceId } }
};

module.exports = { config, handler };
