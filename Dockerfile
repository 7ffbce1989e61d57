# The operator as its Deployment runs it: docker build -t reconsole:0.1.0 .
FROM python:3.11-slim
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY reconsole reconsole
COPY tui tui
COPY controller controller
COPY controller_runtime controller_runtime
COPY sandbox sandbox
COPY manifests manifests
USER 65532:65532
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "reconsole"]
