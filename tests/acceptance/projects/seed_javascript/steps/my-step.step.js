const config = {
  name: 'MyStep', // Step identifier
  type: 'api', // How it triggers
  path: '/endpoint', // URL path
  method: 'POST', // POST method
  emits: ['done'], // Events it sends
  flows: ['my-flow'] // Flow it belongs to
};

const handler = async (req, { emit, logger, state, streams }) => {
  // write your business logic here
  const result = {}
  return { status: 200, body: { success: true, result } };
};

module.exports = { config, handler };
