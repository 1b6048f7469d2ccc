const config = {
  name: 'MyStep', // Step identifier
  type: 'api', // How it triggers
  path: '/endpoint', // URL path
  method: 'POST', // POST method
  emits: ['done'], // Events it sends
  flows: ['my-flow'] // Flow it belongs to
};

const handler = async (req, { emit, logger, state, streams }) => {
  // Your business logic here
  return { status: 200, body: { success: true } };
};

module.exports = { config, handler };
