"""The workbench: a page that shows a running project, and what it asks the project for."""
